"""What point adjustment makes of random scores on public labels."""
