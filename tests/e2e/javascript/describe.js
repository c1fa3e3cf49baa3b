// An instance's own interfaces, by the SDK for JavaScript: credentials and the region from instance metadata.
const { EC2Client, DescribeNetworkInterfacesCommand } = require("@aws-sdk/client-ec2");
const { MetadataService } = require("@aws-sdk/ec2-metadata-service");

(async () => {
  const region = await new MetadataService({}).request("/latest/meta-data/placement/region", {});
  const found = await new EC2Client({ region }).send(new DescribeNetworkInterfacesCommand({}));
  const ids = found.NetworkInterfaces.map((eni) => eni.NetworkInterfaceId);
  console.log(JSON.stringify({ region, ids }));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
