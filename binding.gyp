{
  "targets": [
    {
      "target_name": "torch_clip",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(module_root_dir)/build/native.stamp"],
          "action": ["node", "<(module_root_dir)/scripts/setup.mjs", "--native"]
        }
      ]
    }
  ]
}
