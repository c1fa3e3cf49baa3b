//! Atomics: what each operation makes of the bytes that are there. Numbers are those of libfabric's `enum fi_op` and
//! `enum fi_datatype` (`rdma/fabric.h`), which are part of its ABI.

/// What is done to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "libfabric's names say it")]
pub enum AtomicOperation {
    Min = 0,
    Max = 1,
    Sum = 2,
    Product = 3,
    LogicalOr = 4,
    LogicalAnd = 5,
    BitOr = 6,
    BitAnd = 7,
    LogicalXor = 8,
    BitXor = 9,
    Read = 10,
    Write = 11,
    SwapIfEqual = 12,
    SwapIfNotEqual = 13,
    SwapIfLessOrEqual = 14,
    SwapIfLess = 15,
    SwapIfGreaterOrEqual = 16,
    SwapIfGreater = 17,
    MaskedSwap = 18,
}

impl AtomicOperation {
    const ALL: [Self; 19] = [
        Self::Min,
        Self::Max,
        Self::Sum,
        Self::Product,
        Self::LogicalOr,
        Self::LogicalAnd,
        Self::BitOr,
        Self::BitAnd,
        Self::LogicalXor,
        Self::BitXor,
        Self::Read,
        Self::Write,
        Self::SwapIfEqual,
        Self::SwapIfNotEqual,
        Self::SwapIfLessOrEqual,
        Self::SwapIfLess,
        Self::SwapIfGreaterOrEqual,
        Self::SwapIfGreater,
        Self::MaskedSwap,
    ];

    /// By libfabric's number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// Whether it takes a comparand for each element.
    pub fn compares(self) -> bool {
        self as u8 >= Self::SwapIfEqual as u8
    }

    fn is_bitwise(self) -> bool {
        matches!(
            self,
            Self::BitOr | Self::BitAnd | Self::BitXor | Self::MaskedSwap
        )
    }
}

/// What an element is. Complex numbers and long doubles are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "libfabric's names say it")]
pub enum Datatype {
    I8 = 0,
    U8 = 1,
    I16 = 2,
    U16 = 3,
    I32 = 4,
    U32 = 5,
    I64 = 6,
    U64 = 7,
    F32 = 8,
    F64 = 9,
}

impl Datatype {
    const ALL: [Self; 10] = [
        Self::I8,
        Self::U8,
        Self::I16,
        Self::U16,
        Self::I32,
        Self::U32,
        Self::I64,
        Self::U64,
        Self::F32,
        Self::F64,
    ];

    /// By libfabric's number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }
}

/// Whether `operation` has a meaning for `datatype`: bits of floating-point numbers are not combined.
pub fn is_supported(operation: AtomicOperation, datatype: Datatype) -> bool {
    !(datatype.is_float() && operation.is_bitwise())
}

/// Applies `operation` to each element of `target`, in place. `operand` has as many elements (or none, for a read),
/// `comparand` too if the operation compares. Elements without their operand stay as they are.
pub fn apply(
    operation: AtomicOperation,
    datatype: Datatype,
    target: &mut [u8],
    operand: &[u8],
    comparand: &[u8],
) {
    if operation == AtomicOperation::Read || !is_supported(operation, datatype) {
        return;
    }
    match datatype {
        Datatype::I8 => i8::each(operation, target, operand, comparand),
        Datatype::U8 => u8::each(operation, target, operand, comparand),
        Datatype::I16 => i16::each(operation, target, operand, comparand),
        Datatype::U16 => u16::each(operation, target, operand, comparand),
        Datatype::I32 => i32::each(operation, target, operand, comparand),
        Datatype::U32 => u32::each(operation, target, operand, comparand),
        Datatype::I64 => i64::each(operation, target, operand, comparand),
        Datatype::U64 => u64::each(operation, target, operand, comparand),
        Datatype::F32 => f32::each(operation, target, operand, comparand),
        Datatype::F64 => f64::each(operation, target, operand, comparand),
    }
}

/// A kind of number that atomics work on.
trait Element: Copy {
    /// The new value where `old` was.
    fn combine(operation: AtomicOperation, old: Self, operand: Self, comparand: Self) -> Self;

    /// [`apply`] for elements of this kind.
    fn each(operation: AtomicOperation, target: &mut [u8], operand: &[u8], comparand: &[u8]);
}

/// The same for every kind of number: only its size differs.
macro_rules! each_element {
    ($type:ty) => {
        fn each(operation: AtomicOperation, target: &mut [u8], operand: &[u8], comparand: &[u8]) {
            const SIZE: usize = size_of::<$type>();
            let (target, _) = target.as_chunks_mut::<SIZE>();
            let (operand, _) = operand.as_chunks::<SIZE>();
            let (comparand, _) = comparand.as_chunks::<SIZE>();
            for (index, (old, &operand)) in target.iter_mut().zip(operand).enumerate() {
                let comparand = comparand.get(index).copied().unwrap_or(operand);
                let [there, operand, comparand] =
                    [*old, operand, comparand].map(Self::from_ne_bytes);
                *old = Self::combine(operation, there, operand, comparand).to_ne_bytes();
            }
        }
    };
}

/// The operations that integers and floating-point numbers share.
macro_rules! combine_ordered {
    ($operation:expr, $old:expr, $operand:expr, $comparand:expr, $zero:expr, $one:expr) => {{
        let truth = |value: bool| if value { $one } else { $zero };
        let swap_if = |condition: bool| if condition { $operand } else { $old };
        match $operation {
            AtomicOperation::Min => swap_if($operand < $old),
            AtomicOperation::Max => swap_if($operand > $old),
            AtomicOperation::LogicalOr => truth($old != $zero || $operand != $zero),
            AtomicOperation::LogicalAnd => truth($old != $zero && $operand != $zero),
            AtomicOperation::LogicalXor => truth(($old != $zero) != ($operand != $zero)),
            AtomicOperation::Write => $operand,
            AtomicOperation::SwapIfEqual => swap_if($comparand == $old),
            AtomicOperation::SwapIfNotEqual => swap_if($comparand != $old),
            AtomicOperation::SwapIfLessOrEqual => swap_if($comparand <= $old),
            AtomicOperation::SwapIfLess => swap_if($comparand < $old),
            AtomicOperation::SwapIfGreaterOrEqual => swap_if($comparand >= $old),
            AtomicOperation::SwapIfGreater => swap_if($comparand > $old),
            _ => $old,
        }
    }};
}

macro_rules! integer_elements {
    ($($type:ty),*) => {$(
        impl Element for $type {
            fn combine(operation: AtomicOperation, old: Self, operand: Self, comparand: Self) -> Self {
                match operation {
                    AtomicOperation::Sum => old.wrapping_add(operand),
                    AtomicOperation::Product => old.wrapping_mul(operand),
                    AtomicOperation::BitOr => old | operand,
                    AtomicOperation::BitAnd => old & operand,
                    AtomicOperation::BitXor => old ^ operand,
                    AtomicOperation::MaskedSwap => (operand & comparand) | (old & !comparand),
                    ordered => combine_ordered!(ordered, old, operand, comparand, 0, 1),
                }
            }

            each_element!($type);
        }
    )*};
}
integer_elements!(i8, u8, i16, u16, i32, u32, i64, u64);

macro_rules! float_elements {
    ($($type:ty),*) => {$(
        impl Element for $type {
            fn combine(operation: AtomicOperation, old: Self, operand: Self, comparand: Self) -> Self {
                match operation {
                    AtomicOperation::Sum => old + operand,
                    AtomicOperation::Product => old * operand,
                    ordered => combine_ordered!(ordered, old, operand, comparand, 0.0, 1.0),
                }
            }

            each_element!($type);
        }
    )*};
}
float_elements!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    fn on_i32(operation: AtomicOperation, old: i32, operand: i32, comparand: i32) -> i32 {
        let mut target = old.to_ne_bytes();
        apply(
            operation,
            Datatype::I32,
            &mut target,
            &operand.to_ne_bytes(),
            &comparand.to_ne_bytes(),
        );
        i32::from_ne_bytes(target)
    }

    #[test]
    fn operations_do_what_libfabric_says() {
        use AtomicOperation as Op;
        let cases: [(Op, i32, i32, i32, i32); 16] = [
            // operation, there, operand, comparand, want
            (Op::Min, 5, 3, 0, 3),
            (Op::Max, 5, 3, 0, 5),
            (Op::Sum, i32::MAX, 1, 0, i32::MIN),
            (Op::Product, -2, 3, 0, -6),
            (Op::LogicalOr, 0, 7, 0, 1),
            (Op::LogicalAnd, 2, 0, 0, 0),
            (Op::LogicalXor, 2, 7, 0, 0),
            (Op::BitAnd, 6, 3, 0, 2),
            (Op::Read, 6, 3, 0, 6),
            (Op::Write, 6, 3, 0, 3),
            (Op::SwapIfEqual, 6, 3, 6, 3),
            (Op::SwapIfEqual, 6, 3, 5, 6),
            (Op::SwapIfLess, 6, 3, 5, 3),
            (Op::SwapIfGreaterOrEqual, 6, 3, 5, 6),
            (Op::SwapIfNotEqual, 6, 3, 5, 3),
            (Op::MaskedSwap, 0b1100, 0b0011, 0b0101, 0b1001),
        ];
        for (operation, old, operand, comparand, want) in cases {
            assert_eq!(
                on_i32(operation, old, operand, comparand),
                want,
                "{operation:?} {old} {operand} {comparand}"
            );
        }
    }

    #[test]
    fn numbers_are_those_of_libfabric() {
        for (number, operation) in (0u32..).zip(AtomicOperation::ALL) {
            assert_eq!(operation as u32, number);
        }
        for (number, datatype) in (0u32..).zip(Datatype::ALL) {
            assert_eq!(datatype as u32, number);
        }
        assert_eq!(AtomicOperation::from_number(19), None);
        assert_eq!(Datatype::from_number(10), None);
    }

    #[test]
    fn floats_add_and_their_bits_are_left_alone() {
        let mut target = 1.5f64.to_ne_bytes();
        apply(
            AtomicOperation::Sum,
            Datatype::F64,
            &mut target,
            &2.0f64.to_ne_bytes(),
            &[],
        );
        assert!((f64::from_ne_bytes(target) - 3.5).abs() < f64::EPSILON);
        assert!(!is_supported(AtomicOperation::BitXor, Datatype::F32));
    }
}
