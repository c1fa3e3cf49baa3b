//! Datagrams out of order, as SRD may deliver them: for tests, in builds with the feature `testing`.
