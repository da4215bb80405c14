"""One model of spacecraft channels whose data stay apart, beside a model each."""
