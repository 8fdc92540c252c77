//! What every directory does, whatever database it is on: run by the tests of each adapter.
