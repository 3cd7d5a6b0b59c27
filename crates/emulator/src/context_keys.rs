//! The condition keys of a request, as AWS spells them.

use rolecall_policy::Context;

/// Condition keys and their values. Keys ignore case, and keep the case in which they were set first, in which AWS's
/// answers have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContextKeys(Vec<(String, Vec<String>)>);

impl ContextKeys {
    /// Sets a key to one value.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, [value.into()]);
    }

    /// Sets a key to these values.
    pub(crate) fn set_all(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let values = values.into_iter().collect();
        match self.0.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(key)) {
            Some((_, old)) => *old = values,
            None => self.0.push((key.to_owned(), values)),
        }
    }

    /// Whether the request has a key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.0.iter().any(|(other, _)| other.eq_ignore_ascii_case(key))
    }

    /// The first value of a key; `None` if the request does not have it.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let (_, values) = self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(key))?;
        values.first().map(String::as_str)
    }

    /// The keys with their values, in the order in which they were set first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// The keys as policies are evaluated with them.
    pub(crate) fn to_context(&self) -> Context {
        let mut context = Context::default();
        for (key, values) in &self.0 {
            context.set_all(key, values.iter().cloned());
        }
        context
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for ContextKeys {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut keys = Self::default();
        for (key, value) in pairs {
            keys.set(key.as_ref(), value);
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::ContextKeys;

    #[test]
    fn a_key_is_set_once_whatever_its_case() {
        let mut keys = ContextKeys::from_iter([("aws:PrincipalTag/Team", "a"), ("aws:username", "bob")]);
        keys.set("aws:principaltag/team", "b");
        let all: Vec<_> = keys.iter().map(|(key, values)| (key, values.join(","))).collect();
        assert_eq!(all, [("aws:PrincipalTag/Team", "b".to_owned()), ("aws:username", "bob".to_owned())]);
        assert!(keys.contains("AWS:UserName") && !keys.contains("aws:userid"));
    }
}
