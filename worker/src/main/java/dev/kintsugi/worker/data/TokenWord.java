package dev.kintsugi.worker.data;

/// A token of an index file, in 32 bits: its id, and whether the loss counts it. A token that is only read, such as one of a prompt, has the
/// highest bit set, and one that begins an example, where a sample holds several, the bit below; plain text's words are its ids.
final class TokenWord {
    static final int READ_ONLY = 1 << 31;
    static final int FIRST = 1 << 30;
    static final int ID_MAX = (1 << 30) - 1;

    private TokenWord() {
    }

    static int id(int word) {
        return word & ID_MAX;
    }

    /// Whether the token begins an example in a sample of several, and so is not predicted.
    static boolean isFirst(int word) {
        return (word & FIRST) != 0;
    }

    /// Whether the loss counts the token, where there is one of its example before it to predict it.
    static boolean counts(int word) {
        return word >= 0;
    }
}
