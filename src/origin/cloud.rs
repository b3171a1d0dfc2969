//! Object stores, reached as the variables say by which the tools of each are told.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::{Error, ObjectStore, Result, RetryConfig};
use url::Url;

use super::client::Talk;
use super::profile;

/// A bucket or container.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) files: Arc<dyn ObjectStore>,
    pub(super) names: Arc<dyn Names>,
}

pub(super) trait Names: PaginatedListStore + fmt::Debug {}

impl<T: PaginatedListStore + fmt::Debug> Names for T {}

type Variables = [(String, String)];

/// The bucket of `url`, whose scheme says of what kind it is. Fails with what is missing among the variables, or wrong.
pub(super) fn open(url: &Url, talk: Talk, retry: RetryConfig, environment: &Variables) -> Result<Cloud> {
    fn cloud<T: ObjectStore + PaginatedListStore>(store: T) -> Cloud {
        let store = Arc::new(store);
        Cloud { files: store.clone(), names: store }
    }
    match url.scheme() {
        "s3" => {
            let settings = amazon(environment)?.into_iter();
            let builder =
                settings.fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value));
            builder.with_url(url.as_str()).with_http_connector(talk).with_retry(retry).build().map(cloud)
        }
        "gs" => {
            let settings = google(environment).into_iter();
            let new = GoogleCloudStorageBuilder::new();
            let builder = settings.fold(new, |builder, (key, value)| builder.with_config(key, value));
            builder.with_url(url.as_str()).with_http_connector(talk).with_retry(retry).build().map(cloud)
        }
        _ => {
            let settings = azure(environment)?.into_iter();
            let new = MicrosoftAzureBuilder::new();
            let builder = settings.fold(new, |builder, (key, value)| builder.with_config(key, value));
            builder.with_url(url.as_str()).with_http_connector(talk).with_retry(retry).build().map(cloud)
        }
    }
}

/// What the profile says, and after it the variables, which win.
fn amazon(environment: &Variables) -> Result<Vec<(AmazonS3ConfigKey, String)>> {
    let mut settings = profile::read(environment).map_err(|fault| wrong("S3", fault))?;
    settings.extend(known(environment, "AWS_"));
    Ok(settings)
}

fn google(environment: &Variables) -> Vec<(GoogleConfigKey, String)> {
    let mut settings: Vec<_> = known(environment, "GOOGLE_").collect();
    // Where Google's own libraries look for an emulator, which wants no credentials.
    if let Some(host) = variable(environment, "STORAGE_EMULATOR_HOST") {
        let scheme = if host.contains("://") { "" } else { "http://" };
        settings.push((GoogleConfigKey::BaseUrl, format!("{scheme}{}", host.trim_end_matches('/'))));
        settings.push((GoogleConfigKey::SkipSignature, "true".to_owned()));
    }
    settings
}

/// The variables of Azure's command line and of managed identities, and after them those that object_store knows, which win.
fn azure(environment: &Variables) -> Result<Vec<(AzureConfigKey, String)>> {
    let mut settings = match variable(environment, "AZURE_STORAGE_CONNECTION_STRING") {
        Some(text) => connection(text)?,
        None => Vec::new(),
    };
    let others = [
        ("AZURE_STORAGE_ACCOUNT", AzureConfigKey::AccountName),
        ("AZURE_STORAGE_KEY", AzureConfigKey::AccessKey),
        ("IDENTITY_ENDPOINT", AzureConfigKey::MsiEndpoint),
    ];
    settings.extend(others.into_iter().filter_map(|(name, key)| Some((key, variable(environment, name)?.to_owned()))));
    settings.extend(known(environment, "AZURE_"));
    for (key, value) in &mut settings {
        // A slash at its end would be two in the middle of every URL.
        if *key == AzureConfigKey::Endpoint {
            value.truncate(value.trim_end_matches('/').len());
        }
    }
    Ok(settings)
}

/// What Azure's portal calls a connection string: pairs between semicolons.
fn connection(text: &str) -> Result<Vec<(AzureConfigKey, String)>> {
    let mut settings = Vec::new();
    let (mut protocol, mut suffix, mut account, mut endpoint) = ("https", "core.windows.net", None, None);
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(wrong("Azure", "AZURE_STORAGE_CONNECTION_STRING: expected NAME=VALUE;NAME=VALUE".to_owned()));
        };
        match name {
            "AccountName" => account = Some(value),
            "AccountKey" => settings.push((AzureConfigKey::AccessKey, value.to_owned())),
            "SharedAccessSignature" => settings.push((AzureConfigKey::SasKey, value.to_owned())),
            "BlobEndpoint" => endpoint = Some(value.to_owned()),
            "DefaultEndpointsProtocol" => protocol = value,
            "EndpointSuffix" => suffix = value,
            "UseDevelopmentStorage" => settings.push((AzureConfigKey::UseEmulator, value.to_owned())),
            _ => {}
        }
    }
    if let Some(account) = account {
        settings.push((AzureConfigKey::AccountName, account.to_owned()));
        endpoint = endpoint.or_else(|| Some(format!("{protocol}://{account}.blob.{suffix}")));
    }
    settings.extend(endpoint.map(|endpoint| (AzureConfigKey::Endpoint, endpoint)));
    Ok(settings)
}

/// The variables that begin with `prefix` and that object_store knows.
fn known<K: FromStr>(environment: &Variables, prefix: &str) -> impl Iterator<Item = (K, String)> {
    let known = environment.iter().filter(move |(name, _)| name.starts_with(prefix));
    known.filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone())))
}

/// The value of a variable that is not empty.
pub(super) fn variable<'a>(environment: &'a Variables, name: &str) -> Option<&'a str> {
    let found = environment.iter().find(|(other, value)| other == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

fn wrong(store: &'static str, fault: String) -> Error {
    Error::Generic { store, source: fault.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect()
    }

    /// What is in force of each key, the last of its values.
    #[track_caller]
    fn check_azure(pairs: &[(&str, &str)], expected: &[(AzureConfigKey, &str)]) {
        let settings = azure(&variables(pairs)).unwrap();
        for (key, value) in expected {
            let found = settings.iter().rev().find(|(other, _)| other == key).map(|(_, value)| value.as_str());
            assert_eq!(found, Some(*value), "{pairs:?} {key:?}");
        }
        let keys: std::collections::HashSet<_> = settings.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys.len(), expected.len(), "{settings:?}");
    }

    #[test]
    fn azure_is_told_as_its_tools_are() {
        use AzureConfigKey::{AccessKey, AccountName, Endpoint, MsiEndpoint, SasKey, UseEmulator};
        check_azure(
            &[("AZURE_STORAGE_ACCOUNT", "a"), ("AZURE_STORAGE_KEY", "k")],
            &[(AccountName, "a"), (AccessKey, "k")],
        );
        check_azure(&[("AZURE_STORAGE_ACCOUNT", "a"), ("AZURE_STORAGE_ACCOUNT_NAME", "b")], &[(AccountName, "b")]);
        check_azure(
            &[("AZURE_STORAGE_ACCOUNT", "a"), ("AZURE_STORAGE_SAS_TOKEN", "sv=1")],
            &[(AccountName, "a"), (SasKey, "sv=1")],
        );
        let portal =
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k/==;EndpointSuffix=core.usgovcloudapi.net";
        check_azure(
            &[("AZURE_STORAGE_CONNECTION_STRING", portal)],
            &[(AccountName, "a"), (AccessKey, "k/=="), (Endpoint, "https://a.blob.core.usgovcloudapi.net")],
        );
        let shared = "BlobEndpoint=http://127.0.0.1:10000/a/;SharedAccessSignature=sv=1&sig=x%3D;AccountName=a";
        check_azure(
            &[("AZURE_STORAGE_CONNECTION_STRING", shared)],
            &[(AccountName, "a"), (SasKey, "sv=1&sig=x%3D"), (Endpoint, "http://127.0.0.1:10000/a")],
        );
        check_azure(&[("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")], &[(UseEmulator, "true")]);
        check_azure(
            &[("IDENTITY_ENDPOINT", "http://host/"), ("AZURE_CONFIG_DIR", "x")],
            &[(MsiEndpoint, "http://host/")],
        );
        let error = azure(&variables(&[("AZURE_STORAGE_CONNECTION_STRING", "secret")])).unwrap_err().to_string();
        assert!(error.contains("AZURE_STORAGE_CONNECTION_STRING") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn an_emulator_of_googles_wants_no_credentials() {
        for (host, expected) in [
            ("127.0.0.1:9023", "http://127.0.0.1:9023"),
            ("http://127.0.0.1:9023/", "http://127.0.0.1:9023"),
            ("https://host", "https://host"),
        ] {
            let settings = google(&variables(&[("STORAGE_EMULATOR_HOST", host)]));
            let expected = [(GoogleConfigKey::BaseUrl, expected), (GoogleConfigKey::SkipSignature, "true")];
            assert_eq!(settings, expected.map(|(key, value)| (key, value.to_owned())));
        }
        assert_eq!(google(&variables(&[("STORAGE_EMULATOR_HOST", ""), ("GOOGLE_CLOUD_PROJECT", "p")])), []);
    }
}
