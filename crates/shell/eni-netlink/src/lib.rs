//! One function for each netlink message.
