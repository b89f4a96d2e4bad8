//! The registrar behind its door, with a clock that tests move and a store that fails when told to.
