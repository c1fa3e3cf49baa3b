//! Internet gateways.

mod attachment;
mod create;
mod delete;
mod describe;
#[cfg(test)]
mod tests;

pub use attachment::{AttachInternetGateway, DetachInternetGateway};
pub use create::{CreateInternetGateway, CreateInternetGatewayResponse};
pub use delete::DeleteInternetGateway;
pub use describe::{
    DescribeInternetGateways, DescribeInternetGatewaysResponse, InternetGatewayDescription,
};
