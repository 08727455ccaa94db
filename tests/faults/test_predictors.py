"""A predictor dies: what it had is redelivered and answered (P5)."""

from tests.faults.trial import Trial


async def test_p5_a_predictor_killed_mid_prediction_loses_nothing(trial: Trial) -> None:
    trial.gateway(), trial.gateway()
    victim, _ = trial.predictor(), trial.predictor()
    await trial.begin()
    trial.start(8, sleep_s=0.5)
    trial.start(20, is_async=True, sleep_s=0.2)
    await victim.reads("predictmq_model_calls_running 1.0")
    victim.kill()
    victim.start()
    await trial.check(sync_endings=frozenset({200}))
