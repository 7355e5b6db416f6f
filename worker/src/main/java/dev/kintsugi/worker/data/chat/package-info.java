/// Conversations to text: by the tokenizer's own chat template, a file, or a built-in one.
package dev.kintsugi.worker.data.chat;
