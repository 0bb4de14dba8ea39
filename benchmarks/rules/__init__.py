"""What each rule and constant of the alignment is worth: left out, fitted anew, compared."""
