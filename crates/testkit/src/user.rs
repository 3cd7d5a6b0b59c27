/// An IAM user of [`FakeAws`](crate::FakeAws).
#[derive(Debug, Clone, Default)]
pub struct User {
    /// Also the part after `AIDA` of the user id.
    pub user_name: String,
    /// Begins and ends with a slash.
    pub path: String,
    /// RFC 3339; `None` if the console password was never used.
    pub password_last_used: Option<&'static str>,
    /// In the order of the response.
    pub access_keys: Vec<Key>,
}

impl User {
    /// A user with the path `/` and these keys, each a number and a status.
    pub fn new(user_name: &str, keys: &[(u32, &str)]) -> Self {
        let access_keys = keys
            .iter()
            .map(|(number, status)| Key {
                access_key_id: access_key_id(user_name, *number),
                status: (*status).to_owned(),
            })
            .collect();
        Self { user_name: user_name.to_owned(), path: "/".to_owned(), access_keys, ..Self::default() }
    }
}

/// An id of 20 letters and digits, as AWS's, that contains the user's name.
fn access_key_id(user_name: &str, number: u32) -> String {
    let letters = user_name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let name: String = letters.collect();
    format!("{:X<20}", format!("AKIA{name}{number}").to_uppercase())
}

/// An access key of a [`User`].
#[derive(Debug, Clone)]
pub struct Key {
    /// `AKIA`, the user name and the number, padded to 20 characters with `X`.
    pub access_key_id: String,
    /// `Active` or `Inactive`.
    pub status: String,
}
