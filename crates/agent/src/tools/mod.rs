//! What may a model ask? One file for each tool; all of them only read.
