/// The offset of the first byte in which the two differ; the shorter length if one is a beginning of the other.
#[must_use]
pub fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    if left == right {
        return None;
    }
    let common = left.iter().zip(right).position(|(one, other)| one != other);
    Some(common.unwrap_or_else(|| left.len().min(right.len())))
}
