/// `kintsugi quickstart`: runs, and shows, the commands that a user would type, one after another. [Quickstart] is the script,
/// [QuickstartPlan] its numbers, [Corpus] the text it trains on, [Shell] what runs a command and shows it.
package dev.kintsugi.client.quickstart;
