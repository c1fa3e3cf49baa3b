//! Namespaces, guests and regions for tests.
