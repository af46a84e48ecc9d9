//! Makes a new migration be noticed: the compiler does not see that the library embeds a folder.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/sqlite");
}
