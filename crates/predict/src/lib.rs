//! What does a model answer, and what was it asked? Serving, the log of predictions and late labels.
