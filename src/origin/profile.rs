//! The profile of AWS's shared files that is in force: its keys, region and endpoint.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use object_store::aws::AmazonS3ConfigKey as Key;

use super::cloud::variable;

/// Most bytes of such a file.
const BYTES_MAX: u64 = 1 << 20;

/// Variables any of which says who asks, so that no profile need.
const ASKERS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

/// What a profile may say of credentials that are not in it.
const ELSEWHERE: [&str; 6] =
    ["role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file", "login_session"];

/// What the profile that `AWS_PROFILE` names says, or the one that is called default. Fails where the one that is named is
/// not there, and where it leads to credentials elsewhere while the variables have none.
pub(super) fn read(environment: &[(String, String)]) -> Result<Vec<(Key, String)>, String> {
    let named = variable(environment, "AWS_PROFILE").or_else(|| variable(environment, "AWS_DEFAULT_PROFILE"));
    let name = named.unwrap_or("default");
    let file = |given: &str, usual: &str| match variable(environment, given) {
        Some(path) => Some(PathBuf::from(path)),
        None => variable(environment, "HOME").map(|home| PathBuf::from(home).join(usual)),
    };
    let config = section(file("AWS_CONFIG_FILE", ".aws/config"), name)?;
    let credentials = section(file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), name)?;
    if config.is_none() && credentials.is_none() && named.is_some() {
        return Err(format!("AWS_PROFILE: there is no profile {name:?}"));
    }
    let mut values = config.unwrap_or_default();
    values.extend(credentials.unwrap_or_default());
    let mut settings = Vec::new();
    let mut take = |name: &str, key| settings.extend(values.get(name).map(|value| (key, value.clone())));
    // Under the key of the variable that stands back behind the other.
    take("region", Key::DefaultRegion);
    take("endpoint_url", Key::Endpoint);
    if ASKERS.iter().all(|asker| variable(environment, asker).is_none()) {
        take("aws_access_key_id", Key::AccessKeyId);
        take("aws_secret_access_key", Key::SecretAccessKey);
        take("aws_session_token", Key::Token);
        let elsewhere = ELSEWHERE.iter().find(|name| values.contains_key(**name));
        if let Some(elsewhere) = elsewhere.filter(|_| !values.contains_key("aws_access_key_id")) {
            return Err(format!(
                "the profile {name:?} has {elsewhere}, which is not supported: give AWS_ACCESS_KEY_ID"
            ));
        }
    }
    Ok(settings)
}

/// The pairs of a profile; `None` where there is no such file, or no such profile in it.
fn section(file: Option<PathBuf>, profile: &str) -> Result<Option<HashMap<String, String>>, String> {
    let Some(file) = file.filter(|file| file.is_file()) else { return Ok(None) };
    let unreadable = |reason: String| format!("{}: {reason}", file.display());
    let length = fs::metadata(&file).map_err(|error| unreadable(error.to_string()))?.len();
    if length > BYTES_MAX {
        return Err(unreadable(format!("it is longer than {BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(&file).map_err(|error| unreadable(error.to_string()))?;
    Ok(pairs(&text, profile))
}

fn pairs(text: &str, profile: &str) -> Option<HashMap<String, String>> {
    let mut found: Option<HashMap<String, String>> = None;
    let mut is_ours = false;
    for line in text.lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        if let Some(title) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            // The one file says [profile NAME], the other [NAME].
            let title = title.0.trim();
            is_ours = title.strip_prefix("profile ").map_or(title, str::trim) == profile;
            found = found.or(is_ours.then(HashMap::new));
        } else if let Some((name, value)) = line.split_once('=')
            && is_ours
            // What is indented belongs to the line before it.
            && !line.starts_with([' ', '\t'])
        {
            let value = value.split(" #").next().unwrap_or_default().trim();
            found.get_or_insert_default().insert(name.trim().to_ascii_lowercase(), value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# ours
[default]
region = eu-west-1
[profile films]
region=eu-north-1 # near
s3 =
    endpoint_url = http://nested
endpoint_url = http://127.0.0.1:9000
[profile role]
role_arn = arn:aws:iam::1:role/x
";

    const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKID
aws_secret_access_key = secret==

[films]
aws_access_key_id=FILMS
aws_secret_access_key=word
aws_session_token=token
";

    fn told(variables: &[(&str, &str)]) -> Result<Vec<(Key, String)>, String> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("vedette-profile-{}-{number}", std::process::id()));
        fs::create_dir_all(home.join(".aws")).unwrap();
        fs::write(home.join(".aws/config"), CONFIG).unwrap();
        fs::write(home.join(".aws/credentials"), CREDENTIALS).unwrap();
        let home_variable = [("HOME", home.to_str().unwrap())];
        let variables = home_variable.iter().chain(variables);
        let told = read(&variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>());
        fs::remove_dir_all(home).unwrap();
        told
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &[(Key, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(key, value)| (*key, String::from(*value))).collect();
        assert_eq!(told(variables).unwrap(), expected, "{variables:?}");
    }

    #[test]
    fn a_profile_says_what_variables_do_not() {
        let region = (Key::DefaultRegion, "eu-west-1");
        check(&[], &[region, (Key::AccessKeyId, "AKID"), (Key::SecretAccessKey, "secret==")]);
        check(&[("AWS_ACCESS_KEY_ID", "x")], &[region]);
        check(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/x")], &[region]);
        let films = [
            (Key::DefaultRegion, "eu-north-1"),
            (Key::Endpoint, "http://127.0.0.1:9000"),
            (Key::AccessKeyId, "FILMS"),
            (Key::SecretAccessKey, "word"),
            (Key::Token, "token"),
        ];
        check(&[("AWS_PROFILE", "films")], &films);
        check(&[("AWS_CONFIG_FILE", "/none"), ("AWS_SHARED_CREDENTIALS_FILE", "/none")], &[]);
        check(&[("AWS_PROFILE", "role"), ("AWS_ACCESS_KEY_ID", "x")], &[]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let none = told(&[("AWS_PROFILE", "none")]).unwrap_err();
        assert_eq!(none, "AWS_PROFILE: there is no profile \"none\"");
        let role = told(&[("AWS_PROFILE", "role")]).unwrap_err();
        assert_eq!(role, "the profile \"role\" has role_arn, which is not supported: give AWS_ACCESS_KEY_ID");
    }

    #[test]
    fn without_a_home_there_is_no_profile() {
        assert_eq!(read(&[]).unwrap(), []);
    }
}
