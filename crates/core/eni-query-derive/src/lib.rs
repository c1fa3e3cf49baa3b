//! Derives `FromQuery` for request types.
