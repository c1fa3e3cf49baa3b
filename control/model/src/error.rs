//! What a caller may see.

use alloc::string::String;
use core::fmt;

use eni_query::QueryError;

/// An error as EC2, or IAM, answers it: [`ErrorCode`] is the contract programs rely on, the message is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Ec2Error {
    /// The code.
    pub code: ErrorCode,
    /// The text beside it.
    pub message: String,
}

impl Ec2Error {
    /// An error with this code and text.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// EC2's error for a request without the parameter `name`.
    pub(crate) fn missing_parameter(name: &str) -> Self {
        let message = alloc::format!("The request must contain the parameter {name}");
        ErrorCode::MissingParameter.with(message)
    }
}

impl From<QueryError> for Ec2Error {
    fn from(error: QueryError) -> Self {
        let code = match &error {
            QueryError::MalformedId { code, .. } | QueryError::NoSuchId { code, .. } => {
                ErrorCode::of_id(code)
            }
            QueryError::Missing { .. } => ErrorCode::MissingParameter,
            QueryError::Unknown { .. } => ErrorCode::UnknownParameter,
            QueryError::Invalid { .. } | QueryError::Worded { .. } => {
                ErrorCode::InvalidParameterValue
            }
            QueryError::MalformedForm { .. } => ErrorCode::MalformedQueryString,
        };
        Self::new(code, alloc::format!("{error}"))
    }
}

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:literal;)*) => {
        /// EC2's error codes (EC2 API reference, "Error codes") and IAM's (IAM API reference, "Common Error Types" and "Errors"
        /// of each action). Variants are the codes without punctuation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each variant is spelled as its code")]
        pub enum ErrorCode {
            $($variant,)*
            /// A code of one kind of id (`TypedId::ERRORS`) that is none of the others.
            OfId(&'static str),
        }

        impl ErrorCode {
            /// All codes but those of ids only, for tests that pin them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code that a kind of id has on the wire.
            #[must_use]
            pub fn of_id(code: &'static str) -> Self {
                match code { $($code => Self::$variant,)* other => Self::OfId(other) }
            }

            /// An error with this code and text.
            #[must_use]
            pub fn with(self, message: impl Into<String>) -> Ec2Error {
                Ec2Error::new(self, message)
            }

            /// The code on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* Self::OfId(code) => code }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)* Self::OfId(_) => 400 }
            }
        }
    };
}

error_codes! {
    ActiveVpcPeeringConnectionPerVpcLimitExceeded = "ActiveVpcPeeringConnectionPerVpcLimitExceeded", 400;
    AddressLimitExceeded = "AddressLimitExceeded", 400;
    AttachmentLimitExceeded = "AttachmentLimitExceeded", 400;
    AuthFailure = "AuthFailure", 400;
    CannotDelete = "CannotDelete", 400;
    CidrLimitExceeded = "CidrLimitExceeded", 400;
    DefaultSubnetAlreadyExistsInAvailabilityZone = "DefaultSubnetAlreadyExistsInAvailabilityZone", 400;
    DefaultVpcAlreadyExists = "DefaultVpcAlreadyExists", 400;
    DefaultVpcDoesNotExist = "DefaultVpcDoesNotExist", 400;
    DeleteConflict = "DeleteConflict", 409;
    DependencyViolation = "DependencyViolation", 400;
    DhcpOptionsLimitExceeded = "DhcpOptionsLimitExceeded", 400;
    DryRunOperation = "DryRunOperation", 412;
    DuplicateSubnetsInSameZone = "DuplicateSubnetsInSameZone", 400;
    EgressOnlyInternetGatewayLimitExceeded = "EgressOnlyInternetGatewayLimitExceeded", 400;
    EntityAlreadyExists = "EntityAlreadyExists", 409;
    GatewayNotAttached = "Gateway.NotAttached", 400;
    IdempotentParameterMismatch = "IdempotentParameterMismatch", 400;
    IncorrectInstanceState = "IncorrectInstanceState", 400;
    IncorrectState = "IncorrectState", 400;
    InstanceLimitExceeded = "InstanceLimitExceeded", 400;
    InsufficientCidrBlocks = "InsufficientCidrBlocks", 400;
    InsufficientFreeAddressesInSubnet = "InsufficientFreeAddressesInSubnet", 400;
    InsufficientAddressCapacity = "InsufficientAddressCapacity", 400;
    InternalError = "InternalError", 500;
    InternetGatewayLimitExceeded = "InternetGatewayLimitExceeded", 400;
    InvalidAction = "InvalidAction", 400;
    InvalidAddressNotFound = "InvalidAddress.NotFound", 400;
    InvalidAllocationIdNotFound = "InvalidAllocationID.NotFound", 400;
    InvalidAmiIdNotFound = "InvalidAMIID.NotFound", 400;
    InvalidAssociationIdNotFound = "InvalidAssociationID.NotFound", 400;
    InvalidAttachmentIdNotFound = "InvalidAttachmentID.NotFound", 400;
    InvalidBlockDeviceMapping = "InvalidBlockDeviceMapping", 400;
    InvalidCidrBlockInUse = "InvalidCidrBlock.InUse", 400;
    InvalidGatewayIdNotFound = "InvalidGatewayID.NotFound", 400;
    InvalidGroupDuplicate = "InvalidGroup.Duplicate", 400;
    InvalidGroupNotFound = "InvalidGroup.NotFound", 400;
    InvalidId = "InvalidID", 400;
    InvalidInput = "InvalidInput", 400;
    InvalidInstanceAttributeValue = "InvalidInstanceAttributeValue", 400;
    InvalidInstanceId = "InvalidInstanceID", 400;
    InvalidInstanceIdNotFound = "InvalidInstanceID.NotFound", 400;
    InvalidInstanceType = "InvalidInstanceType", 400;
    InvalidInterfaceIpAddressLimitExceeded = "InvalidInterface.IpAddressLimitExceeded", 400;
    InvalidInternetGatewayIdNotFound = "InvalidInternetGatewayID.NotFound", 400;
    InvalidIpAddressInUse = "InvalidIPAddress.InUse", 400;
    InvalidKeyFormat = "InvalidKey.Format", 400;
    InvalidKeyPairDuplicate = "InvalidKeyPair.Duplicate", 400;
    InvalidKeyPairNotFound = "InvalidKeyPair.NotFound", 400;
    InvalidNatGatewayIdNotFound = "InvalidNatGatewayID.NotFound", 400;
    InvalidNetworkAclEntryNotFound = "InvalidNetworkAclEntry.NotFound", 400;
    InvalidNetworkAclIdNotFound = "InvalidNetworkAclID.NotFound", 400;
    InvalidNetworkInterfaceInUse = "InvalidNetworkInterface.InUse", 400;
    InvalidNetworkInterfaceIdNotFound = "InvalidNetworkInterfaceID.NotFound", 400;
    InvalidNextToken = "InvalidNextToken", 400;
    InvalidParameter = "InvalidParameter", 400;
    InvalidParameterCombination = "InvalidParameterCombination", 400;
    InvalidParameterValue = "InvalidParameterValue", 400;
    InvalidPermissionDuplicate = "InvalidPermission.Duplicate", 400;
    InvalidPermissionMalformed = "InvalidPermission.Malformed", 400;
    InvalidPermissionNotFound = "InvalidPermission.NotFound", 400;
    InvalidPrefixListIdNotFound = "InvalidPrefixListID.NotFound", 400;
    InvalidRouteNotFound = "InvalidRoute.NotFound", 400;
    InvalidRouteTableIdNotFound = "InvalidRouteTableID.NotFound", 400;
    InvalidSecurityGroupRuleIdNotFound = "InvalidSecurityGroupRuleId.NotFound", 400;
    InvalidStateTransition = "InvalidStateTransition", 400;
    InvalidSubnetConflict = "InvalidSubnet.Conflict", 400;
    InvalidSubnetRange = "InvalidSubnet.Range", 400;
    InvalidSubnetIdNotFound = "InvalidSubnetID.NotFound", 400;
    InvalidUserDataMalformed = "InvalidUserData.Malformed", 400;
    InvalidVolumeNotFound = "InvalidVolume.NotFound", 400;
    InvalidVpcRange = "InvalidVpc.Range", 400;
    InvalidVpcIdNotFound = "InvalidVpcID.NotFound", 400;
    KeyPairLimitExceeded = "KeyPairLimitExceeded", 400;
    LimitExceeded = "LimitExceeded", 409;
    MalformedPolicyDocument = "MalformedPolicyDocument", 400;
    MalformedQueryString = "MalformedQueryString", 400;
    MissingInput = "MissingInput", 400;
    MissingParameter = "MissingParameter", 400;
    NatGatewayLimitExceeded = "NatGatewayLimitExceeded", 400;
    NetworkAclEntryAlreadyExists = "NetworkAclEntryAlreadyExists", 400;
    NetworkAclEntryLimitExceeded = "NetworkAclEntryLimitExceeded", 400;
    NetworkAclLimitExceeded = "NetworkAclLimitExceeded", 400;
    NetworkInterfaceLimitExceeded = "NetworkInterfaceLimitExceeded", 400;
    NoSuchEntity = "NoSuchEntity", 404;
    OperationNotPermitted = "OperationNotPermitted", 400;
    OutstandingVpcPeeringConnectionLimitExceeded = "OutstandingVpcPeeringConnectionLimitExceeded", 400;
    PrivateIpAddressLimitExceeded = "PrivateIpAddressLimitExceeded", 400;
    RequestLimitExceeded = "RequestLimitExceeded", 503;
    ResourceAlreadyAssociated = "Resource.AlreadyAssociated", 400;
    RouteAlreadyExists = "RouteAlreadyExists", 400;
    RouteLimitExceeded = "RouteLimitExceeded", 400;
    RouteTableLimitExceeded = "RouteTableLimitExceeded", 400;
    RulesPerSecurityGroupLimitExceeded = "RulesPerSecurityGroupLimitExceeded", 400;
    SecurityGroupLimitExceeded = "SecurityGroupLimitExceeded", 400;
    SecurityGroupsPerInterfaceLimitExceeded = "SecurityGroupsPerInterfaceLimitExceeded", 400;
    SubnetLimitExceeded = "SubnetLimitExceeded", 400;
    TagLimitExceeded = "TagLimitExceeded", 400;
    Unavailable = "Unavailable", 503;
    UnknownParameter = "UnknownParameter", 400;
    UnsupportedOperation = "UnsupportedOperation", 400;
    ValidationError = "ValidationError", 400;
    VpcIdNotSpecified = "VPCIdNotSpecified", 400;
    VpcEndpointLimitExceeded = "VpcEndpointLimitExceeded", 400;
    VpcLimitExceeded = "VpcLimitExceeded", 400;
    VpcPeeringConnectionAlreadyExists = "VpcPeeringConnectionAlreadyExists", 400;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::ErrorCode;

    /// Codes are what programs rely on: one may be added here, but none changed.
    #[test]
    fn codes_and_their_http_statuses_are_pinned() {
        let lines: String = ErrorCode::ALL
            .iter()
            .map(|code| format!("{} {code}\n", code.http_status()))
            .collect();
        insta::assert_snapshot!(lines);
    }
}
