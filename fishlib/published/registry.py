"""SHA-256 of every file of the study's repository that this project reads."""

SHA256 = {
    "checkpoint_tc-augm-best-validation-retarget-no-regr-visionary-serenity/saved_model.pb": (
        "faac7a60b27171dc151dd272479491e7003f800cea587fc9f2c96f13176b70c0"
    ),
    "checkpoint_tc-augm-best-validation-retarget-no-regr-visionary-serenity/variables/variables.data-00000-of-00001": (
        "ae7874ae291ae6c007e619070c79a5e2d1228446c2a832f34dcd1f93bd3a77b5"
    ),
    "checkpoint_tc-augm-best-validation-retarget-no-regr-visionary-serenity/variables/variables.index": (
        "734267c93849f2480f6cf13d8dc8d7c6dbfd421504590961fda4de8c6727dce1"
    ),
    "checkpoint_tc-augm-best-validation-retarget-upbeat-snowflake-91/saved_model.pb": (
        "967712d3937b9d55a6e2d8aee4f7fb1232ec6fb343d3aa8761c87a3ba0274945"
    ),
    "checkpoint_tc-augm-best-validation-retarget-upbeat-snowflake-91/variables/variables.data-00000-of-00001": (
        "fe4b09dd7d8ae4f0319bc8741c172029a0e6be78ef517bf3a1d5e90aeb7a32e9"
    ),
    "checkpoint_tc-augm-best-validation-retarget-upbeat-snowflake-91/variables/variables.index": (
        "18785e4f4eaf457433b7d3e90e3b86e73019048652c94857b3002605c918155c"
    ),
    "sample training images/00000.png": (
        "955b22078fb7aef2e2a75cf5641393cc7f8ea8f6335624a0b8b1a2d83a9fe4b9"
    ),
    "sample training images/00001.png": (
        "955b22078fb7aef2e2a75cf5641393cc7f8ea8f6335624a0b8b1a2d83a9fe4b9"
    ),
    "sample training images/00002.png": (
        "e8b3034df5881b550cde71850097fb30d62a782903f7677c291bf8bd7d334e08"
    ),
    "sample training images/00003.png": (
        "14e2375e6faff15e372a0166d4a14466e202242c5308665ed04bbaae3644c059"
    ),
    "sample training images/00004.png": (
        "e74138c11aa348e994596ef491fd10e1843075cbf6218ae727305abc7eb37577"
    ),
    "sample training images/00005.png": (
        "be3ea4af975d7183404cc1f595b3cd031a3167eb4adb5b01d3b203df778c0e52"
    ),
    "sample training images/00006.png": (
        "0da8889692f2065044bc8d6eae97fc21234136f10fce35fbf5308cf52924b2be"
    ),
    "sample training images/00007.png": (
        "eea1f326c6a5ae5656a6c7742eaa3238269cce78620862bc55b9f9d8d382a603"
    ),
    "sample training images/00008.png": (
        "29207bdea4948cae9fbf0e7d102a495d67f047fb385520d9f418d36938e451be"
    ),
    "sample training images/00009.png": (
        "47283ea24643c672d34ff515be6f184cd682f0b8576aa621abc23219455cbc4d"
    ),
    "sample training images/00010.png": (
        "30a6da86f12f6aa82e6e52fcf3e0f7ce94c4bee2a0540f67de0703786e5921ca"
    ),
    "targets/test/Y_label.npy": "b1df27f9665c3cfc64f1e3e7316dba08231efeb8d9d16f046641729b25205c73",
    "targets/test/Y_pred.npy": "e9a18c4d5e3a71ef118edb22ccf3bf1bf5fefbed0071401a8c99fcdc0425ac40",
    "targets/test/Y_pred_baseline.npy": (
        "84bf91cacb813e906c2d260ffa74c6e7d9b7fd4e27360c8b7647c29a18bb8ecc"
    ),
    "targets/test/Y_pred_visionary_serenity.npy": (
        "1f61e2c8ece3908d04ce74954d057be276262244f64c59036e93b68fb78098f7"
    ),
    "targets/test/Y_tilde.npy": "d036561c12be093afbb1247c089aa381906074c36fb98f7421db54efd0c9cfe3",
    "targets/train/Y_label.npy": "0419fcef1bfaf29ba782e4683b98b98b12bd8d1a9b473f85db62f6746a715859",
    "targets/train/Y_pred.npy": "f545886f34ddb02429ddbea1c90cad1c72b6b6a381f9469230d9abea7a2d30be",
    "targets/train/Y_tilde.npy": "27eede387686b20ebd23e7c158de0400624fa42c285be568a491f2e423ff3c9c",
    "targets/validation/Y_label.npy": (
        "2a28acfe3c403d756e7824cea8646b927d2802b62ae6461ac167e252f775bc4c"
    ),
    "targets/validation/Y_tilde.npy": (
        "21b210b01dc81a21d28a87eeed1aab6382cdc123059991d7ef7bd6ef9af909b0"
    ),
}
