# SPDX-License-Identifier: MIT
"""What bench/run, bench/report and the budget tests are made of; standard library only."""
