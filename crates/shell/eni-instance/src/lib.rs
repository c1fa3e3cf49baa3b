//! Instance drivers: network namespaces with processes of their own.
