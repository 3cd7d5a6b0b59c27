//! How the function that ships is linked.

#![expect(clippy::disallowed_methods, reason = "cargo tells build scripts by the environment")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A position-independent executable carries 300 kB of relocations, which are read once and stay in memory. The
    // libraries, the heap and the stack keep their random addresses.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
