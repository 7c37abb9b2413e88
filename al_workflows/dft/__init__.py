"""DFT single points: a structure in, energy and raw forces out, and a status with a cause when there are none.

Exports nothing: the process that computes a point starts in this package too, and ties itself to its parent before
anything heavy is imported. For callers: :func:`~al_workflows.dft.single_point.single_point`,
:func:`~al_workflows.dft.settings.check_available`, :func:`~al_workflows.dft.settings.dft_hash`,
:func:`~al_workflows.dft.label_file.read_label`, :func:`~al_workflows.dft.losses.abandoned`.
"""
