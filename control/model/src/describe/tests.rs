use super::*;

#[test]
fn only_tokens_that_an_answer_had_are_read() {
    for key in ["", "a", "ec2 Name", "vol-00ca6fde08c0256c9"] {
        let token = encode_token(key);
        assert_eq!(decode_token::<String>(&token).unwrap(), key);
        for other in [
            format!("00{token}"),
            token[2..].into(),
            format!("{token}00"),
        ] {
            assert_eq!(
                decode_token::<String>(&other),
                Err(no_such_token()),
                "{other}"
            );
        }
    }
    for made_up in ["", "1234", "31323334", "6162636465666768", "more", "zz"] {
        assert_eq!(
            decode_token::<String>(made_up),
            Err(no_such_token()),
            "{made_up}"
        );
    }
}

#[test]
fn a_filter_value_matches_with_ec2s_wildcards() {
    for (pattern, text, want) in [
        ("web", "web", true),
        ("web", "Web", false),
        ("w*", "web", true),
        ("*b", "web", true),
        ("*e*", "web", true),
        ("w?b", "web", true),
        ("w?", "web", false),
        ("*", "", true),
        ("?", "", false),
        ("a*b*c", "aXbXbc", true),
        ("a*b*c", "aXbXb", false),
        ("\\*", "*", true),
        ("\\*", "x", false),
        ("1\\?", "1?", true),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern} on {text}");
    }
}
