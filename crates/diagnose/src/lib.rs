//! Evidence to ranked causes, without an LLM.
