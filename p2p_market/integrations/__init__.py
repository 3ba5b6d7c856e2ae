"""The market in the form that learning libraries work with; each module needs the library that it is named after.

==================================  ============================================================================
``torchrl.StreetEnv``               TorchRL ``EnvBase`` over ``B`` markets, tensors ``(B, N, ...)`` without copies
``benchmarl.StreetTask``            the same as a BenchMARL task
``stable_baselines3.StreetVecEnv``  Stable-Baselines3 ``VecEnv`` whose rows are all ``B * N`` households
``gymnasium.HouseholdEnv``          one household learns, the others follow policies; a plain Gymnasium ``Env``
``gymnasium.StreetVectorEnv``       Gymnasium ``VectorEnv``: a street as one agent, with a team reward
``pufferlib.StreetPufferEnv``       PufferLib native environment, flat ``B * N`` rows
==================================  ============================================================================

All of them stand on one controller, as `AuctionEnv` and `AuctionVectorEnv` do; a market's trajectory is the same.
"""
