//! Observes the machine, compares with the store, applies the steps.
