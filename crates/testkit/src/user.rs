/// A user of the fake.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// The name.
    pub user_name: String,
    /// The path.
    pub path: String,
    /// RFC 3339, where the console password was used.
    pub password_last_used: Option<&'static str>,
    /// The keys.
    pub access_keys: Vec<Key>,
}

impl User {
    /// A user under `/` with these keys, each a number and a status.
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

/// An id with the user's name in it, of twenty letters and digits as AWS's.
fn access_key_id(user_name: &str, number: u32) -> String {
    let letters = user_name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let name: String = letters.collect();
    format!("{:X<20}", format!("AKIA{name}{number}").to_uppercase())
}

/// An access key of the fake.
#[derive(Debug, Clone)]
pub struct Key {
    /// The id.
    pub access_key_id: String,
    /// The status.
    pub status: String,
}
