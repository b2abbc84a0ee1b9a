//! The macros that declare the contents of a C header.
//!
//! They declare each item once, and compare it with libc at compile time. They also list it, so that a test can compare
//! the list with the platform's C header.

/// The contents of a C header, as this crate declares them.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// The headers that a C program includes, in this order.
    pub includes: &'static [&'static str],
    /// A macro that older headers lack. A header without it also lacks all items of this list.
    pub guard: Option<&'static str>,
    /// The constants.
    pub constants: &'static [Constant],
    /// The structs.
    pub structs: &'static [Struct],
}

/// A constant, by its C name.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// The C name.
    pub name: &'static str,
    /// Its value on this target.
    pub value: i128,
    /// The size of its Rust type in bytes. A wider C type is sign-extended.
    pub size: usize,
}

/// A struct, by its C name: `struct pollfd` is `pollfd`.
#[derive(Clone, Copy, Debug)]
pub struct Struct {
    /// The C name, without `struct`.
    pub name: &'static str,
    /// `sizeof`.
    pub size: usize,
    /// `_Alignof`.
    pub align: usize,
    /// The fields.
    pub fields: &'static [Field],
}

/// A field of a [`Struct`].
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The C name.
    pub name: &'static str,
    /// `offsetof`.
    pub offset: usize,
    /// `sizeof`.
    pub size: usize,
}

/// Returns the size of the field that `_field` would read from a struct.
pub(crate) const fn size_of_field<S, F>(_field: fn(S) -> F) -> usize {
    size_of::<F>()
}

/// Declares the constants of a C header, and lists them as `CONSTANTS`.
///
/// Constants under `as in libc` are compared with libc's. A wrong value does not compile, on any target.
/// `, unless <condition>` exempts the targets where libc is wrong, with a comment that names the evidence.
/// libc lacks the constants under `not in libc`.
macro_rules! constants {
    (
        as in libc { $(
            $(#[$doc:meta])* $name:ident: $ty:ty = $value:expr $(, unless $wrong_in_libc:expr)?;
        )* }
        not in libc { $($(#[$own_doc:meta])* $own_name:ident: $own_ty:ty = $own_value:expr;)* }
    ) => {
        $($(#[$doc])* pub const $name: $ty = $value;)*
        $($(#[$own_doc])* pub const $own_name: $own_ty = $own_value;)*
        // libc may give the same bits another sign or width, so they are cast to the type of the header. libc
        // deprecates constants that change between versions. These values are those of the oldest supported version.
        #[allow(
            deprecated,
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            clippy::cast_sign_loss
        )]
        const _: () = {
            $(assert!(
                $name == libc::$name as $ty $(|| $wrong_in_libc)?,
                concat!(stringify!($name), " differs from libc's"),
            );)*
        };
        pub(crate) const CONSTANTS: &[crate::table::Constant] = &[
            $(crate::table::Constant {
                name: stringify!($name),
                value: $name as i128,
                size: size_of::<$ty>(),
            },)*
            $(crate::table::Constant {
                name: stringify!($own_name),
                value: $own_name as i128,
                size: size_of::<$own_ty>(),
            },)*
        ];
    };
}

/// Compares the size and alignment of a struct, and the offset and size of each field, with libc's.
///
/// It also lists the struct as `$list`, if that is given. `data = u64` means that libc calls the field `data` `u64`.
macro_rules! layout_as_in_libc {
    ($list:ident: $name:ident { $($field:ident),+ }) => {
        layout_as_in_libc!($list: $name { $($field = $field),+ });
    };
    ($list:ident: $name:ident { $($field:ident = $theirs:ident),+ }) => {
        layout_as_in_libc!($name { $($field = $theirs),+ });
        layout!($list: $name { $($field),+ });
    };
    ($name:ident { $($field:ident = $theirs:ident),+ }) => {
        const _: () = {
            use crate::table::size_of_field;
            assert!(size_of::<$name>() == size_of::<libc::$name>());
            assert!(align_of::<$name>() == align_of::<libc::$name>());
            $(assert!(
                core::mem::offset_of!($name, $field) == core::mem::offset_of!(libc::$name, $theirs)
                    && size_of_field(|ours: $name| ours.$field)
                        == size_of_field(|theirs: libc::$name| theirs.$theirs),
                concat!(stringify!($name), ".", stringify!($field), " differs from libc's"),
            );)+
        };
    };
}

/// Lists a struct as `$list`.
macro_rules! layout {
    ($list:ident: $name:ident { $($field:ident),+ }) => {
        pub(crate) const $list: crate::table::Struct = crate::table::Struct {
            name: stringify!($name),
            size: size_of::<$name>(),
            align: align_of::<$name>(),
            fields: &[$(crate::table::Field {
                name: stringify!($field),
                offset: core::mem::offset_of!($name, $field),
                size: crate::table::size_of_field(|it: $name| it.$field),
            }),+],
        };
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn size_of_a_field_is_that_of_its_type() {
        assert_eq!(super::size_of_field(|it: (u8, u32)| it.1), 4);
        assert_eq!(super::size_of_field(|it: (u8, [u16; 5])| it.1), 10);
    }
}
