//! GCV18, `out-of-object-access`: an access of an object stays inside it.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV18",
    name: "out-of-object-access",
    invariant: "an access of an object stays inside it: within the fields of its type, below the array's length",
    meaning: "\
An access of a field is right for the objects that have the field, and an access of an element for the arrays that
are long enough. Beyond the end of an object is another one. The fields of a type stand in its `gctype` line; the length
of an array is read from the array, and the tests before an access are evaluated for lengths and indices at which they may go
wrong. So is the size that is asked for when an object is made: it has to reach as far as the fields of the type, or as the
length that is stored. Its header has to be the same where it is made in line and by a callee.

The usual cause: a bounds check that is left out, that compares with another length, or that lets the index pass which is
the length; a fill that counts elements where bytes are meant; the size of a
new array that wraps.",
    bugs: &[
        (
            "#10470",
            "a fill wrote as many bytes as there are elements",
        ),
    ],
};
