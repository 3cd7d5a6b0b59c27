//! Every seed of the fuzzer, and some cuts and changes of each, with a stable toolchain.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::fs;
use std::path::Path;

use rolecall_fuzz::TARGETS;

#[test]
fn no_seed_and_no_change_of_one_panics() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(seeds.len() > 2, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            println!("{}", seed.display());
            let bytes = fs::read(&seed).unwrap();
            target(&bytes);
            // A cut and a changed byte, at a place that differs from seed to seed.
            let at = bytes.len() * (bytes.len() % 7 + 1) / 9;
            target(bytes.split_at(at).0);
            let mut changed = bytes.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 0x15;
            }
            target(&changed);
        }
    }
}
