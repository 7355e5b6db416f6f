/// The commands, one class each. [TrainCommand] is the one to read first; [Errors] says how every command fails.
package dev.kintsugi.client.command;
