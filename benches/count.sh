# Instructions by callgrind: read by `benches/cost` and `benches/instructions`, in the root of the repository.

# The program whose benchmarks are counted, built.
build_cost() {
    cargo build -q --release -p iomux-bench
    program=${CARGO_TARGET_DIR:-target}/release/cost
}

# Instructions of a whole run.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# Instructions a round: what 10,000 rounds more cost, so that start and end cancel out.
a_round() {
    local few many
    few=$(instructions "$1" 1000)
    many=$(instructions "$1" 11000)
    echo "scale=2; ($many - $few) / 10000" | bc
}
