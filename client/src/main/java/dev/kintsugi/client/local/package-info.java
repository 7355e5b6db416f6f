/// A whole cluster on this machine, for the length of one command: the same coordinator, agent and ranks that a real one runs, as child
/// processes that end when this one does, however it ends. Open [LocalCluster] first.
package dev.kintsugi.client.local;
