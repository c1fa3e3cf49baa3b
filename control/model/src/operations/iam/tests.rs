use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::testing::{TestWorld, check_invariants};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#;
const OF_AWS: &str = "arn:aws:iam::aws:policy/AmazonEC2FullAccess";
const OF_ACCOUNT: &str = "arn:aws:iam::123456789012:policy/a/read";

fn with_role(name: &str) -> TestWorld {
    let mut region = TestWorld::bootstrapped();
    create_role(&mut region, name);
    region
}

fn create_role(region: &mut TestWorld, name: &str) {
    let role = [("RoleName", name), ("AssumeRolePolicyDocument", TRUST)];
    region.must("CreateRole", &role);
}

fn names(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let members = answer[list]["member"].as_array().unwrap().iter();
    members
        .map(|member| member[name].as_str().unwrap().into())
        .collect()
}

#[test]
fn a_role_is_described_as_it_was_made() {
    let mut region = TestWorld::bootstrapped();
    let made = region.must(
        "CreateRole",
        &[
            ("RoleName", "Web"),
            ("Path", "/app/"),
            ("AssumeRolePolicyDocument", TRUST),
            ("Description", "for the web"),
            ("MaxSessionDuration", "7200"),
            ("Tags.member.1.Key", "Team"),
            ("Tags.member.1.Value", ""),
        ],
    );
    let role = &made["Role"];
    let id = role["RoleId"].as_str().unwrap();
    assert!(id.starts_with("AROA") && id.len() == 21, "{id}");
    assert_eq!(
        *role,
        json!({
            "Path": "/app/",
            "RoleName": "Web",
            "RoleId": id,
            "Arn": "arn:aws:iam::123456789012:role/app/Web",
            "CreateDate": "2026-11-20T19:10:54Z",
            "AssumeRolePolicyDocument": eni_query::percent_encoded(TRUST),
            "Description": "for the web",
            "MaxSessionDuration": 7200,
            "Tags": {"member": [{"Key": "Team", "Value": ""}]},
        })
    );
    assert!(
        role["AssumeRolePolicyDocument"]
            .as_str()
            .unwrap()
            .starts_with("%7B%22Version%22%3A")
    );
    let found = region.must("GetRole", &[("RoleName", "wEB")]);
    assert_eq!(found["Role"], *role, "case makes no other name");
    for (prefix, count) in [("/", 1), ("/app/", 1), ("/other/", 0)] {
        let listed = region.must("ListRoles", &[("PathPrefix", prefix)]);
        assert_eq!(names(&listed, "Roles", "RoleName").len(), count, "{prefix}");
    }
}

#[test]
fn roles_that_cannot_be_made_are_refused_in_iams_words() {
    let mut region = with_role("web");
    let long = "a".repeat(65);
    let role = |name| Vec::from([("RoleName", name), ("AssumeRolePolicyDocument", TRUST)]);
    for (action, parameters, want) in [
        (
            "CreateRole",
            role("web"),
            "EntityAlreadyExists: Role with name web already exists.",
        ),
        (
            "CreateRole",
            role("WEB"),
            "EntityAlreadyExists: Role with name WEB already exists.",
        ),
        (
            "CreateRole",
            role("a b"),
            "ValidationError: The specified value for roleName is invalid. It must contain only alphanumeric characters and/or \
             the following: +=,.@_-",
        ),
        (
            "CreateRole",
            Vec::from([("RoleName", "db")]),
            "ValidationError: 1 validation error detected: Value null at 'AssumeRolePolicyDocument' failed to satisfy \
             constraint: Member must not be null",
        ),
        (
            "CreateRole",
            Vec::from([("RoleName", "db"), ("AssumeRolePolicyDocument", "{}")]),
            "MalformedPolicyDocument: Syntax errors in policy.",
        ),
        (
            "CreateRole",
            [role("db"), Vec::from([("MaxSessionDuration", "60")])].concat(),
            "ValidationError: 1 validation error detected: Value '60' at 'maxSessionDuration' failed to satisfy constraint: \
             Member must have value greater than or equal to 3600",
        ),
        (
            "CreateRole",
            [role("db"), Vec::from([("PermissionsBoundary", OF_AWS)])].concat(),
            "UnsupportedOperation: A permissions boundary is not supported in this region.",
        ),
        (
            "CreateRole",
            [role("db"), Vec::from([("Path", "a")])].concat(),
            "ValidationError: The specified value for path is invalid. It must begin and end with / and contain only \
             alphanumeric characters and/or / characters.",
        ),
    ] {
        assert_eq!(region.refused(action, &parameters), want, "{parameters:?}");
    }
    let refused = region.refused("CreateRole", &role(&long));
    assert!(
        refused.ends_with("Member must have length less than or equal to 64"),
        "{refused}"
    );
}

#[test]
fn what_is_not_there_is_refused_in_iams_words() {
    let mut region = with_role("web");
    for (action, parameters, want) in [
        (
            "GetRole",
            Vec::from([("RoleName", "db")]),
            "NoSuchEntity: The role with name db cannot be found.",
        ),
        (
            "DeleteRole",
            Vec::from([("RoleName", "db")]),
            "NoSuchEntity: The role with name db cannot be found.",
        ),
        (
            "GetInstanceProfile",
            Vec::from([("InstanceProfileName", "db")]),
            "NoSuchEntity: Instance Profile db cannot be found.",
        ),
        (
            "GetRolePolicy",
            Vec::from([("RoleName", "web"), ("PolicyName", "db")]),
            "NoSuchEntity: The role policy with name db cannot be found.",
        ),
        (
            "AttachRolePolicy",
            Vec::from([("RoleName", "web"), ("PolicyArn", OF_ACCOUNT)]),
            "NoSuchEntity: Policy arn:aws:iam::123456789012:policy/a/read was not found.",
        ),
        (
            "AttachRolePolicy",
            Vec::from([
                ("RoleName", "web"),
                ("PolicyArn", "arn:aws:s3:::bucket/policy"),
            ]),
            "InvalidInput: ARN arn:aws:s3:::bucket/policy is not valid.",
        ),
        (
            "DetachRolePolicy",
            Vec::from([("RoleName", "web"), ("PolicyArn", OF_AWS)]),
            "NoSuchEntity: Policy arn:aws:iam::aws:policy/AmazonEC2FullAccess was not found.",
        ),
        (
            "ListRoles",
            Vec::from([("MaxItems", "0")]),
            "ValidationError: 1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must \
             have value greater than or equal to 1",
        ),
        (
            "ListRoles",
            Vec::from([("Marker", "x")]),
            "ValidationError: Invalid Marker: it is none that an answer had.",
        ),
        (
            "GetRole",
            Vec::from([("RoleName", "web"), ("Colour", "red")]),
            "UnknownParameter: The parameter Colour is not recognized",
        ),
    ] {
        assert_eq!(region.refused(action, &parameters), want, "{parameters:?}");
    }
}

#[test]
fn a_role_goes_when_nothing_is_left_of_it() {
    let mut region = with_role("web");
    let role = ("RoleName", "web");
    let profile = ("InstanceProfileName", "front");
    region.must("CreateInstanceProfile", &[profile]);
    region.must("AddRoleToInstanceProfile", &[profile, role]);
    let inline = [role, ("PolicyName", "p"), ("PolicyDocument", DOCUMENT)];
    region.must("PutRolePolicy", &inline);
    region.must("AttachRolePolicy", &[role, ("PolicyArn", OF_AWS)]);
    check_invariants(&region.world);
    for (why, then) in [
        (
            "remove roles from instance profile",
            ("RemoveRoleFromInstanceProfile", [profile, role]),
        ),
        (
            "detach all policies",
            ("DetachRolePolicy", [role, ("PolicyArn", OF_AWS)]),
        ),
        (
            "delete policies",
            ("DeleteRolePolicy", [role, ("PolicyName", "p")]),
        ),
    ] {
        let want = format!("DeleteConflict: Cannot delete entity, must {why} first.");
        assert_eq!(region.refused("DeleteRole", &[role]), want);
        region.must(then.0, &then.1);
    }
    region.must("DeleteRole", &[role]);
    region.must("DeleteInstanceProfile", &[profile]);
    assert!(region.world.roles.is_empty());
}

#[test]
fn an_instance_profile_has_one_role() {
    let mut region = with_role("web");
    create_role(&mut region, "db");
    let profile = ("InstanceProfileName", "front");
    region.must("CreateInstanceProfile", &[profile, ("Path", "/app/")]);
    let refused = region.refused("CreateInstanceProfile", &[profile]);
    assert_eq!(
        refused,
        "EntityAlreadyExists: Instance Profile front already exists."
    );
    region.must("AddRoleToInstanceProfile", &[profile, ("RoleName", "web")]);
    assert_eq!(
        region.refused("AddRoleToInstanceProfile", &[profile, ("RoleName", "db")]),
        "LimitExceeded: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
    );
    let found = region.must("GetInstanceProfile", &[profile]);
    let found = &found["InstanceProfile"];
    assert_eq!(
        found["Arn"],
        "arn:aws:iam::123456789012:instance-profile/app/front"
    );
    assert_eq!(names(found, "Roles", "RoleName"), ["web"]);
    for (role, want) in [("web", 1), ("db", 0)] {
        let listed = region.must("ListInstanceProfilesForRole", &[("RoleName", role)]);
        assert_eq!(
            listed["InstanceProfiles"]["member"]
                .as_array()
                .unwrap()
                .len(),
            want
        );
    }
    assert_eq!(
        region.refused(
            "RemoveRoleFromInstanceProfile",
            &[profile, ("RoleName", "db")]
        ),
        "NoSuchEntity: The role with name db cannot be found."
    );
    assert_eq!(
        region.refused("DeleteInstanceProfile", &[profile]),
        "DeleteConflict: Cannot delete entity, must remove roles from instance profile first."
    );
}

#[test]
fn a_role_is_changed_as_far_as_is_asked() {
    let mut region = with_role("web");
    let role = ("RoleName", "web");
    let shown = |region: &mut TestWorld| region.must("GetRole", &[role])["Role"].clone();
    assert_eq!(shown(&mut region)["MaxSessionDuration"], 3600);
    region.must("UpdateRole", &[role, ("Description", "one")]);
    region.must("UpdateRole", &[role, ("MaxSessionDuration", "43200")]);
    let now = shown(&mut region);
    assert_eq!(
        (&now["Description"], &now["MaxSessionDuration"]),
        (&"one".into(), &43200.into())
    );
    region.must("UpdateRole", &[role, ("Description", "")]);
    assert!(shown(&mut region).get("Description").is_none());
    let described = region.must("UpdateRoleDescription", &[role, ("Description", "two")]);
    assert_eq!(described["Role"], shown(&mut region));
    let other = TRUST.replace("ec2", "lambda");
    region.must(
        "UpdateAssumeRolePolicy",
        &[role, ("PolicyDocument", &other)],
    );
    let trust = shown(&mut region)["AssumeRolePolicyDocument"].clone();
    assert_eq!(trust, eni_query::percent_encoded(&other));
}

#[test]
fn tags_are_added_replaced_and_removed_without_regard_to_case() {
    let mut region = with_role("web");
    region.must("CreateInstanceProfile", &[("InstanceProfileName", "web")]);
    region.must(
        "CreatePolicy",
        &[
            ("PolicyName", "read"),
            ("Path", "/a/"),
            ("PolicyDocument", DOCUMENT),
        ],
    );
    for (owner, kind) in [
        (("RoleName", "web"), "Role"),
        (("InstanceProfileName", "web"), "InstanceProfile"),
        (("PolicyArn", OF_ACCOUNT), "Policy"),
    ] {
        let tag = |key, value| {
            [
                owner,
                ("Tags.member.1.Key", key),
                ("Tags.member.1.Value", value),
            ]
        };
        region.must(&format!("Tag{kind}"), &tag("Team", "a"));
        region.must(&format!("Tag{kind}"), &tag("Stage", "b"));
        region.must(&format!("Tag{kind}"), &tag("team", "c"));
        let list = format!("List{kind}Tags");
        let listed = region.must(&list, &[owner]);
        assert_eq!(names(&listed, "Tags", "Key"), ["Stage", "team"]);
        let first = region.must(&list, &[owner, ("MaxItems", "1")]);
        assert_eq!(first["IsTruncated"], true);
        let next = ("Marker", first["Marker"].as_str().unwrap());
        let second = region.must(&list, &[owner, next]);
        assert_eq!(names(&second, "Tags", "Key"), ["team"]);
        assert_eq!(second["IsTruncated"], false);
        region.must(
            &format!("Untag{kind}"),
            &[owner, ("TagKeys.member.1", "TEAM")],
        );
        let listed = region.must(&list, &[owner]);
        assert_eq!(names(&listed, "Tags", "Key"), ["Stage"]);
        let twice = [
            owner,
            ("Tags.member.1.Key", "a"),
            ("Tags.member.1.Value", ""),
            ("Tags.member.2.Key", "A"),
            ("Tags.member.2.Value", ""),
        ];
        assert_eq!(
            region.refused(&format!("Tag{kind}"), &twice),
            "InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."
        );
        assert_eq!(
            region.refused(&format!("Tag{kind}"), &tag("aws:a", "")),
            "InvalidInput: Tag keys starting with 'aws:' are reserved for internal use."
        );
    }
}

#[test]
fn policies_of_a_role_are_kept_as_they_were_given() {
    let mut region = with_role("web");
    let role = ("RoleName", "web");
    region.must(
        "CreatePolicy",
        &[
            ("PolicyName", "read"),
            ("Path", "/a/"),
            ("PolicyDocument", DOCUMENT),
        ],
    );
    for name in ["b", "a"] {
        region.must(
            "PutRolePolicy",
            &[role, ("PolicyName", name), ("PolicyDocument", DOCUMENT)],
        );
    }
    let listed = region.must("ListRolePolicies", &[role]);
    assert_eq!(listed["PolicyNames"]["member"], json!(["a", "b"]));
    let shown = region.must("GetRolePolicy", &[role, ("PolicyName", "a")]);
    assert_eq!(
        shown["PolicyDocument"],
        eni_query::percent_encoded(DOCUMENT)
    );
    let large = format!("{DOCUMENT}{}", " ".repeat(20_000));
    region.must(
        "PutRolePolicy",
        &[role, ("PolicyName", "a"), ("PolicyDocument", &large)],
    );
    let large = DOCUMENT.replace("ec2:*", &format!("ec2:{}", "a".repeat(10_240)));
    assert_eq!(
        region.refused(
            "PutRolePolicy",
            &[role, ("PolicyName", "a"), ("PolicyDocument", &large)]
        ),
        "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role web"
    );
    for arn in [OF_AWS, OF_ACCOUNT, OF_AWS] {
        region.must("AttachRolePolicy", &[role, ("PolicyArn", arn)]);
    }
    let attached = region.must("ListAttachedRolePolicies", &[role]);
    let found = names(&attached, "AttachedPolicies", "PolicyName");
    assert_eq!(found, ["read", "AmazonEC2FullAccess"]);
    let below = region.must("ListAttachedRolePolicies", &[role, ("PathPrefix", "/a/")]);
    assert_eq!(names(&below, "AttachedPolicies", "PolicyArn"), [OF_ACCOUNT]);
}

#[test]
fn a_managed_policy_has_versions() {
    let mut region = with_role("web");
    let arn = ("PolicyArn", OF_ACCOUNT);
    let create = [
        ("PolicyName", "read"),
        ("Path", "/a/"),
        ("PolicyDocument", DOCUMENT),
    ];
    let made = region.must("CreatePolicy", &create);
    assert_eq!(made["Policy"]["Arn"], OF_ACCOUNT);
    assert_eq!(
        region.refused("CreatePolicy", &create),
        "EntityAlreadyExists: A policy called read already exists. Duplicate names are not allowed."
    );
    let second = region.must(
        "CreatePolicyVersion",
        &[arn, ("PolicyDocument", DOCUMENT), ("SetAsDefault", "true")],
    );
    assert_eq!(second["PolicyVersion"]["VersionId"], "v2");
    assert_eq!(second["PolicyVersion"]["IsDefaultVersion"], true);
    let versions = region.must("ListPolicyVersions", &[arn]);
    assert_eq!(names(&versions, "Versions", "VersionId"), ["v2", "v1"]);
    let shown = region.must("GetPolicyVersion", &[arn, ("VersionId", "v1")]);
    assert_eq!(
        shown["PolicyVersion"]["Document"],
        eni_query::percent_encoded(DOCUMENT)
    );
    assert_eq!(
        region.refused("DeletePolicyVersion", &[arn, ("VersionId", "v2")]),
        "DeleteConflict: Cannot delete the default version of a policy."
    );
    let found = region.must("GetPolicy", &[arn]);
    assert_eq!(found["Policy"]["DefaultVersionId"], "v2");
    let refused = region.refused("DeletePolicy", &[arn]);
    assert!(
        refused.starts_with("DeleteConflict: This policy has more than one version."),
        "{refused}"
    );
    region.must("SetDefaultPolicyVersion", &[arn, ("VersionId", "v1")]);
    region.must("DeletePolicyVersion", &[arn, ("VersionId", "v2")]);
    let third = region.must("CreatePolicyVersion", &[arn, ("PolicyDocument", DOCUMENT)]);
    assert_eq!(
        third["PolicyVersion"]["VersionId"], "v3",
        "no number is given twice"
    );
    for _ in 0..3 {
        region.must("CreatePolicyVersion", &[arn, ("PolicyDocument", DOCUMENT)]);
    }
    let refused = region.refused("CreatePolicyVersion", &[arn, ("PolicyDocument", DOCUMENT)]);
    assert!(
        refused.starts_with("LimitExceeded: A managed policy can have up to 5 versions."),
        "{refused}"
    );
    assert_eq!(
        region.refused("GetPolicyVersion", &[arn, ("VersionId", "v2")]),
        format!(
            "NoSuchEntity: Policy {OF_ACCOUNT} version v2 does not exist or is not attachable."
        )
    );
}

#[test]
fn a_managed_policy_stays_while_a_role_has_it() {
    let mut region = with_role("web");
    let arn = ("PolicyArn", OF_ACCOUNT);
    let create = [
        ("PolicyName", "read"),
        ("Path", "/a/"),
        ("PolicyDocument", DOCUMENT),
    ];
    region.must("CreatePolicy", &create);
    region.must("AttachRolePolicy", &[("RoleName", "web"), arn]);
    let found = region.must("GetPolicy", &[arn]);
    assert_eq!(found["Policy"]["AttachmentCount"], 1);
    for (only, scope, count) in [
        ("true", "All", 1),
        ("false", "AWS", 0),
        ("true", "Local", 1),
    ] {
        let listed = region.must("ListPolicies", &[("OnlyAttached", only), ("Scope", scope)]);
        assert_eq!(names(&listed, "Policies", "Arn").len(), count, "{scope}");
    }
    let refused = region.refused("DeletePolicy", &[arn]);
    assert_eq!(
        refused,
        "DeleteConflict: Cannot delete a policy attached to entities."
    );
    region.must("DetachRolePolicy", &[("RoleName", "web"), arn]);
    region.must("DeletePolicy", &[arn]);
    assert!(region.world.policies.is_empty());
}

#[test]
fn listings_go_on_where_they_stopped_even_if_that_is_gone() {
    let mut region = TestWorld::bootstrapped();
    for name in ["b", "A", "d", "C", "e"] {
        create_role(&mut region, name);
    }
    let first = region.must("ListRoles", &[("MaxItems", "2")]);
    assert_eq!(names(&first, "Roles", "RoleName"), ["A", "b"]);
    region.must("DeleteRole", &[("RoleName", "c")]);
    let marker = first["Marker"].as_str().unwrap();
    let rest = region.must("ListRoles", &[("Marker", marker)]);
    assert_eq!(names(&rest, "Roles", "RoleName"), ["d", "e"]);
}
