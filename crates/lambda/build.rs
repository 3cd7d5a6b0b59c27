//! Sets linker options for the release build of the function.

#![expect(clippy::disallowed_methods, reason = "cargo passes the profile in an environment variable")]
#![expect(clippy::unwrap_used, reason = "a build script that cannot continue fails")]

use std::path::Path;
use std::{env, fs};

/// The functions that an invocation runs; `make hot-functions` writes it.
const HOT_FUNCTIONS: &str = "hot_functions.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={HOT_FUNCTIONS}");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        // A position-independent executable has 300 kB of relocations, which are read once and stay in memory. Without them,
        // the libraries, the heap and the stack still have random addresses.
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    let is_linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if is_linux && env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let script = Path::new(&env::var_os("OUT_DIR").unwrap()).join("hot_functions.ld");
        fs::write(&script, linker_script(&fs::read_to_string(HOT_FUNCTIONS).unwrap())).unwrap();
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
}

/// A linker script that puts the functions of an invocation next to each other. Linux maps 64 KiB around each page of a program that is
/// used; where the functions lie scattered, all of the program is in memory, although an invocation runs a quarter of it. The others
/// are in the order of their names, because similar functions compress better next to each other: 2 % of the zip.
fn linker_script(hot_functions: &str) -> String {
    // A name has `*` for what differs from build to build. Brackets would be a set of characters.
    let pattern = |name: &str| {
        let name = name.replace(['[', ']'], "?");
        format!("    *(.text.{name} .text.unlikely.{name})\n")
    };
    let hot: String = hot_functions.lines().map(pattern).collect();
    format!(
        "SECTIONS
{{
  .text.hot : {{
{hot}    *libring*(.text .text.*)
  }}
  .text.others : {{
    *(SORT_BY_NAME(.text.*))
  }}
}}
/* It adds to the linker's own script. */
INSERT BEFORE .text;
"
    )
}
