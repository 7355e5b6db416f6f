/// Jinja templates as chat templates use them, with Jinja2's white space and Python's values: source to tokens ([Lexer]) to a tree
/// ([Parser]) to text ([Interpreter]). A template sees what it is given and what [Filters], [Checks], [Methods] and [Globals] name, nothing
/// else: no classes, no files, no other templates; its output, its steps and its depth are bounded. What is not supported is an error that names the
/// line, never an empty text. Open [Template] first.
package dev.kintsugi.worker.data.jinja;
