//! Calls about roles, instance profiles, policies and key pairs.

use super::grammar::{Rule, Source, rule};
use super::population::{associations_of_profiles, instance_profiles, instances, policies, roles};

use Source::{Any, Maybe, Of};

const NAMES: Source = Any(&["web", "Web", "db"]);
const TRUST: Source = Any(&[
    r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#,
]);
const DOCUMENTS: Source = Any(&[
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#,
    r#"{"Version":"2012-10-17","Statement":[]}"#,
]);
/// `ssh-ed25519 AAAA… test`, in base64.
const PUBLIC_KEY: Source = Any(&[
    "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUdGSTdISDFYVC8yZTRJbkFYQzNGK0FFZ1QzZlQvWEV5aldLRStpSGQ0THQgdGVzdA==",
]);
const VERSIONS: Source = Any(&["v1", "v2", "v3"]);
const KEYS: Source = Any(&["Name", "name", "Team"]);
const BOOLEAN: Source = Any(&["true", "false"]);
const THE_ROLE: (&str, Source) = ("RoleName", Of(roles));
const THE_PROFILE: (&str, Source) = ("InstanceProfileName", Of(instance_profiles));
const THE_POLICY: (&str, Source) = ("PolicyArn", Of(policies));
const OF_AWS: Source = Any(&["arn:aws:iam::aws:policy/AmazonEC2FullAccess"]);
const KEY: (&str, Source) = ("Tags.member.1.Key", KEYS);
const VALUE: (&str, Source) = ("Tags.member.1.Value", NAMES);
const KEPT: (&str, Source) = ("TagKeys.member.1", KEYS);
const NAMED: (&str, Source) = ("IamInstanceProfile.Name", Of(instance_profiles));

pub(super) const PROFILES: &[Rule] = &[
    rule(
        2,
        "CreateRole",
        &[("RoleName", NAMES), ("AssumeRolePolicyDocument", TRUST)],
    ),
    rule(1, "DeleteRole", &[THE_ROLE]),
    rule(
        1,
        "UpdateRole",
        &[THE_ROLE, ("MaxSessionDuration", Any(&["3600", "60"]))],
    ),
    rule(
        1,
        "UpdateRoleDescription",
        &[THE_ROLE, ("Description", NAMES)],
    ),
    rule(
        1,
        "UpdateAssumeRolePolicy",
        &[THE_ROLE, ("PolicyDocument", TRUST)],
    ),
    rule(1, "TagRole", &[THE_ROLE, KEY, VALUE]),
    rule(1, "UntagRole", &[THE_ROLE, KEPT]),
    rule(
        1,
        "PutRolePolicy",
        &[
            THE_ROLE,
            ("PolicyName", NAMES),
            ("PolicyDocument", DOCUMENTS),
        ],
    ),
    rule(2, "DeleteRolePolicy", &[THE_ROLE, ("PolicyName", NAMES)]),
    rule(1, "AttachRolePolicy", &[THE_ROLE, ("PolicyArn", OF_AWS)]),
    rule(1, "AttachRolePolicy", &[THE_ROLE, THE_POLICY]),
    rule(2, "DetachRolePolicy", &[THE_ROLE, ("PolicyArn", OF_AWS)]),
    rule(2, "DetachRolePolicy", &[THE_ROLE, THE_POLICY]),
    rule(
        2,
        "CreateInstanceProfile",
        &[("InstanceProfileName", NAMES)],
    ),
    rule(1, "DeleteInstanceProfile", &[THE_PROFILE]),
    rule(1, "TagInstanceProfile", &[THE_PROFILE, KEY, VALUE]),
    rule(1, "UntagInstanceProfile", &[THE_PROFILE, KEPT]),
    rule(3, "AddRoleToInstanceProfile", &[THE_PROFILE, THE_ROLE]),
    rule(2, "RemoveRoleFromInstanceProfile", &[THE_PROFILE, THE_ROLE]),
    rule(
        2,
        "CreatePolicy",
        &[("PolicyName", NAMES), ("PolicyDocument", DOCUMENTS)],
    ),
    rule(1, "DeletePolicy", &[THE_POLICY]),
    rule(1, "TagPolicy", &[THE_POLICY, KEY, VALUE]),
    rule(1, "UntagPolicy", &[THE_POLICY, KEPT]),
    rule(
        2,
        "CreatePolicyVersion",
        &[
            THE_POLICY,
            ("PolicyDocument", DOCUMENTS),
            ("SetAsDefault", Maybe(50, &BOOLEAN)),
        ],
    ),
    rule(
        2,
        "SetDefaultPolicyVersion",
        &[THE_POLICY, ("VersionId", VERSIONS)],
    ),
    rule(
        2,
        "DeletePolicyVersion",
        &[THE_POLICY, ("VersionId", VERSIONS)],
    ),
    rule(
        1,
        "CreateKeyPair",
        &[
            ("KeyName", NAMES),
            ("KeyType", Maybe(50, &Any(&["rsa", "ed25519"]))),
        ],
    ),
    rule(
        1,
        "ImportKeyPair",
        &[("KeyName", NAMES), ("PublicKeyMaterial", PUBLIC_KEY)],
    ),
    rule(1, "DeleteKeyPair", &[("KeyName", NAMES)]),
    rule(
        4,
        "AssociateIamInstanceProfile",
        &[NAMED, ("InstanceId", Of(instances))],
    ),
    rule(
        2,
        "ReplaceIamInstanceProfileAssociation",
        &[NAMED, ("AssociationId", Of(associations_of_profiles))],
    ),
    rule(
        1,
        "DisassociateIamInstanceProfile",
        &[("AssociationId", Of(associations_of_profiles))],
    ),
    rule(
        3,
        "RunInstances",
        &[
            ("ImageId", Any(&["ami-0e210000000008664"])),
            ("InstanceType", Any(&["t3.micro"])),
            ("MinCount", Any(&["1"])),
            ("MaxCount", Any(&["1", "2"])),
            ("KeyName", Maybe(30, &NAMES)),
            NAMED,
        ],
    ),
];
