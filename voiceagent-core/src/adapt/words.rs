/// The words of a text without case and punctuation, each with the place where it begins.
pub(super) fn plain_words(text: &str) -> impl Iterator<Item = (usize, String)> {
    let start = text.as_ptr() as usize;
    text.split_whitespace().filter_map(move |word| {
        let plain: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        (!plain.is_empty()).then(|| (word.as_ptr() as usize - start, plain.to_lowercase()))
    })
}
