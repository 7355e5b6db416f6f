/// The command line. [Kintsugi] is the entry point: a command (package `command`) turns its flags into a
/// [dev.kintsugi.proto.v1.JobSpec] (`spec`), submits it to a coordinator (`service`) that either runs somewhere or is started here
/// for the length of one command (`local`), and shows what happens (`report`, `picture`). It trains nothing itself.
package dev.kintsugi.client;
