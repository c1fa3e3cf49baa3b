//! HTTP, SigV4 and XML in front of the model.
