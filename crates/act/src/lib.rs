//! Policy, plan, approval, execution, verification, undo.
