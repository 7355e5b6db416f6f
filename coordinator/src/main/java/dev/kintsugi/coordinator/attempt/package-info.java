/// One run of a gang: ranks are started, join, train, vote, finish; or something fails and all of them are stopped.
///
/// Signs of failure are [Evidence], collected until [RootCause] can tell what happened in one sentence; [RestartPolicy] decides whether
/// there is another attempt. Start with [Attempt].
package dev.kintsugi.coordinator.attempt;
