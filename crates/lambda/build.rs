//! Sets linker options for the release build of the function.

#![expect(clippy::disallowed_methods, reason = "cargo passes the profile in an environment variable")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A position-independent executable has 300 kB of relocations, which are read once and stay in memory. Without them,
    // the libraries, the heap and the stack still have random addresses.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
