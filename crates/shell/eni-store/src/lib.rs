//! Revisions, guarded transactions and watches, over an embedded file.
