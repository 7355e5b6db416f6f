/// What a person sees of a run: [Report] receives every change of a job; a terminal gets a line that redraws itself, a pipe gets plain
/// lines. Texts are made by pure functions ([ProgressLine], [Summary], [Quantities]) so that they are tested without a terminal.
package dev.kintsugi.client.report;
