# Counts instructions with callgrind. `benches/cost` and `benches/instructions` source it, in the root of the repository.

# Builds the program with the benchmarks.
build_cost() {
    cargo build -q --release -p iomux-bench
    program=${CARGO_TARGET_DIR:-target}/release/cost
}

# Prints the instructions of a whole run.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# Prints the instructions per round: the difference of 10,000 rounds, so that start and end cancel out.
a_round() {
    local few many
    few=$(instructions "$1" 1000)
    many=$(instructions "$1" 11000)
    echo "scale=2; ($many - $few) / 10000" | bc
}
