"""The report on paper: where its pages break."""
