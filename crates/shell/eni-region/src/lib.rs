//! The region's single writer: plan, commit, publish.
